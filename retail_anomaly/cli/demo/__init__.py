"""The demo: the whole product on one machine, each part started by its ordinary command.

Four processes run: a broker (librdkafka's mock cluster, or a Kafka of yours), the streamer, the simulator and
a reader of the alerts. The demo starts and ends them and shows the alerts as they arrive. At the end it
compares the counts of all parts: events sent, events processed, alerts raised, alerts read, incidents found.
If they disagree, the demo fails.
"""
