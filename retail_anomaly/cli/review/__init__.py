"""The board on which people read cases and judge them: a small web application on this machine.

`web` answers requests, `case_files` keeps the cases of an alerts file and the actions on them, `access`
decides who may come in. The server makes the pages, which work without JavaScript and fetch nothing from
elsewhere.
"""
