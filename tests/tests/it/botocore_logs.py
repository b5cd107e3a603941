"""Asks the fake AWS at ENDPOINT for audit events and log events with botocore, and prints what it was told, as JSON."""

import json
import sys
import time

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]
REGION = "eu-west-1"
GROUP = "/app/web"


def client(service):
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=ENDPOINT,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def refusal(call, **arguments):
    """The code and the HTTP status of an error that must come."""
    try:
        call(**arguments)
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
    return "no error"


def throttled(call):
    """What comes of the first call that is one too many."""
    answers = (refusal(call) for _ in range(100))
    return next(answer for answer in answers if answer != "no error")


def audits():
    trail = client("cloudtrail")
    pages = list(trail.get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 50}))
    events = [event for page in pages for event in page["Events"]]
    first = trail.lookup_events(MaxResults=1)
    last = events[-1]
    named = [{"AttributeKey": "EventName", "AttributeValue": "RunInstances"}]
    return {
        "pages": [len(page["Events"]) for page in pages],
        "ids": [event["EventId"] for event in events],
        "times": [event["EventTime"].timestamp() for event in events],
        "last": {key: last[key] for key in ["EventName", "EventSource", "ReadOnly", "AccessKeyId", "Username"]},
        "record": json.loads(last["CloudTrailEvent"]),
        "resources": last["Resources"],
        # Both ends are in it.
        "of_a_second": [
            event["EventId"]
            for event in trail.lookup_events(StartTime=last["EventTime"], EndTime=last["EventTime"])["Events"]
        ],
        "named": len(trail.lookup_events(LookupAttributes=named)["Events"]),
        "another_question": refusal(trail.lookup_events, MaxResults=2, NextToken=first["NextToken"]),
        "made_up_token": refusal(trail.lookup_events, NextToken="made up"),
        "too_many": refusal(trail.lookup_events, MaxResults=51),
        "backwards": refusal(trail.lookup_events, StartTime=2, EndTime=1),
        "throttled": throttled(trail.lookup_events),
    }


def logs():
    logs = client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    now = int(time.time() * 1000)
    for part in range(3):
        events = [{"timestamp": now, "message": f"{part} {n:04} größe"} for n in range(4100)]
        logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP))
    events = [event for page in pages for event in page["events"]]
    groups = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/app/")
    groups = [group for page in groups for group in page["logGroups"]]
    first = logs.filter_log_events(logGroupName=GROUP, limit=1)
    whole = {"logGroupName": GROUP, "startTime": now, "endTime": now}
    old = [{"timestamp": now - 15 * 24 * 3600 * 1000, "message": "old"}, {"timestamp": now, "message": "new"}]
    rejected = logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=old)
    return {
        "pages": [len(page["events"]) for page in pages],
        "messages": sorted(event["message"] for event in events)[::4100],
        "ids": len({event["eventId"] for event in events}),
        "id_digits": sorted({len(event["eventId"]) for event in events}),
        "keys": sorted({key for event in events for key in event}),
        "times": sorted({event["timestamp"] for event in events}) == [now],
        "groups": [group["logGroupName"] for group in groups],
        "matching": len(logs.filter_log_events(filterPattern='"0 0007 "', **whole)["events"]),
        "by_arn": len(logs.filter_log_events(logGroupIdentifier=groups[-1]["logGroupArn"], limit=7)["events"]),
        "rejected": rejected["rejectedLogEventsInfo"],
        "another_question": refusal(logs.filter_log_events, logGroupName=GROUP, limit=2, nextToken=first["nextToken"]),
        "no_group": refusal(logs.filter_log_events, logGroupName="/none"),
        "two_groups": refusal(logs.filter_log_events, logGroupName=GROUP, logGroupIdentifier=GROUP),
        "again": refusal(logs.create_log_group, logGroupName=GROUP),
    }


print(json.dumps({"audits": audits(), "logs": logs()}))
