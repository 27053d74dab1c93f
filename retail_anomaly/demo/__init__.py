"""The demo: the whole product on one machine, each part started by its ordinary command.

A broker (librdkafka's mock cluster, or a real Kafka), the streamer, the generator and a reader of
the alerts run as processes of their own. The demo starts and ends them, shows the alerts as they
come, and at the end checks that nothing was lost: what was sent, what the streamer processed, what
it alerted and what was injected must agree, or the demo fails.
"""
