"""The board on which people read cases and judge them: a small web application on this machine.

`web` answers requests, `board_cases` keeps the cases and takes the actions on them, `access`
decides who may come in. The server makes the pages, which work without JavaScript and fetch nothing from
elsewhere.
"""
