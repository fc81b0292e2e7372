"""The Lambda function that publishes events."""

import os

from support.aws.client import Client
from support.aws.credentials import configured_region
from support.aws.services import Queue

from publisher.app import TIMEOUT_SECONDS, Publisher, create_handler
from publisher.bus import EventBus

_client, _region = Client(TIMEOUT_SECONDS), configured_region()

handler = create_handler(
    Publisher(
        # Without a bus, its mapping brings what to hand over alone.
        EventBus(os.environ["EVENT_BUS_NAME"], _region, _client),
        Queue(os.environ["UNPUBLISHED_QUEUE_URL"], _region, _client),
        Queue(os.environ["ERASURE_QUEUE_URL"], _region, _client),
        Queue(os.environ["FILES_QUEUE_URL"], _region, _client),
    ),
    os.environ["STAGE"],
)
