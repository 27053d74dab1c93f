"""Messages about alerts to the people whom the routes name: `retail-streamer notify`."""
