"""Metrics and findings of the fake AWS, as the official Python client understands them."""

import datetime
import sys

import botocore.config
import botocore.exceptions
import botocore.session

endpoint, detector = sys.argv[1:]
session = botocore.session.Session()
session.set_credentials("AKIATEST", "secret")


def client(service, region="us-east-1"):
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    return session.create_client(service, region_name=region, endpoint_url=endpoint, config=config)


def refused(call, **parameters):
    try:
        call(**parameters)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("it was not refused")


def same(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


cloudwatch = client("cloudwatch")
now = datetime.datetime.now(datetime.timezone.utc)
start = now.replace(second=0, microsecond=0) - datetime.timedelta(hours=1)
web = [{"Name": "Host", "Value": "web"}]

# Long enough to be compressed by the client.
cloudwatch.put_metric_data(
    Namespace="my/space",
    MetricData=[
        {
            "MetricName": "Size",
            "Dimensions": web,
            "Timestamp": start + datetime.timedelta(minutes=minute),
            "Values": [1.0, 2.5],
            "Counts": [1.0, 2.0],
            "Unit": "Bytes",
        }
        for minute in range(60)
    ]
    + [{"MetricName": f"m{number:04}", "Dimensions": web, "Value": float(number)} for number in range(600)],
)
pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="my/space", RecentlyActive="PT3H"))
same([len(page["Metrics"]) for page in pages], [500, 101])
same(cloudwatch.list_metrics(MetricName="Size")["Metrics"], [{"Namespace": "my/space", "MetricName": "Size", "Dimensions": web}])

query = {
    "Id": "q0",
    "MetricStat": {
        "Metric": {"Namespace": "my/space", "MetricName": "Size", "Dimensions": web},
        "Period": 60,
        "Stat": "Sum",
    },
}
end = start + datetime.timedelta(hours=1)
pages = list(
    cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query], StartTime=start, EndTime=end, MaxDatapoints=25
    )
)
results = [page["MetricDataResults"][0] for page in pages]
same([result["StatusCode"] for result in results], ["PartialData", "PartialData", "Complete"])
times = [time for result in results for time in result["Timestamps"]]
same(times, [start + datetime.timedelta(minutes=59 - minute) for minute in range(60)])
same({value for result in results for value in result["Values"]}, {6.0})

statistics = dict(
    Namespace="my/space", MetricName="Size", Dimensions=web, StartTime=start, EndTime=end, Period=3600
)
[early, *_] = sorted(
    cloudwatch.get_metric_statistics(Statistics=["SampleCount", "Maximum"], **(statistics | {"Period": 60}))["Datapoints"],
    key=lambda point: point["Timestamp"],
)
same(early, {"Timestamp": start, "SampleCount": 3.0, "Maximum": 2.5, "Unit": "Bytes"})
code = refused(cloudwatch.get_metric_statistics, Statistics=["Sum"], ExtendedStatistics=["p50"], **statistics)
same(code, ("InvalidParameterCombination", 400))
code = refused(cloudwatch.get_metric_data, MetricDataQueries=[query], StartTime=start, EndTime=end, NextToken="x")
same(code, ("InvalidNextToken", 400))
same(client("cloudwatch", "eu-west-1").list_metrics()["Metrics"], [])

guardduty = client("guardduty")
same(guardduty.list_detectors()["DetectorIds"], [detector])
updated = {
    "Criterion": {
        "updatedAt": {"GreaterThanOrEqual": 1767225600020, "LessThan": 1767225600120},
        "service.archived": {"Equals": ["false"]},
    }
}
order = {"AttributeName": "updatedAt", "OrderBy": "ASC"}
pages = list(
    guardduty.get_paginator("list_findings").paginate(DetectorId=detector, FindingCriteria=updated, SortCriteria=order)
)
same([len(page["FindingIds"]) for page in pages], [50, 40])
same(pages[-1].get("NextToken"), "")
findings = guardduty.get_findings(DetectorId=detector, FindingIds=pages[0]["FindingIds"], SortCriteria=order)["Findings"]
same([finding["Id"] for finding in findings], pages[0]["FindingIds"])
same((findings[0]["UpdatedAt"], findings[0]["Service"]["Count"]), ("2026-01-01T00:00:00.020Z", 20))
same(refused(guardduty.list_findings, DetectorId="other"), ("BadRequestException", 400))
same(refused(guardduty.get_findings, DetectorId=detector, FindingIds=["f"] * 51), ("BadRequestException", 400))
same(client("guardduty", "eu-west-1").list_detectors()["DetectorIds"], [])

print("understood")
