"""The permissions of what signs, looks at, and leads to files."""

from local.stages import expand
from local.template import PARTITION, REGION, TEMPLATE, resolve
from tests.iam import ACCOUNT, FILES, Call, allowed, bucket_arn, deployed, policies, role_of, table_arn

OWN = "conversations-Table-1"
UPLOAD = f"{bucket_arn(FILES)}/uploads/w/test/c/0"
COPY = f"{bucket_arn(FILES)}/files/w/test/c/0/etag"
QUEUE = f"arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:FilesQueue"
CONVERSATION = ("CONVERSATION#w#test#c",)


def may(function: str, *asked: Call) -> list[bool]:
    """Tell for each call whether a function may make it."""
    resources = resolve(expand(TEMPLATE.read_text()), {"Stage": "prod"})["Resources"]
    return allowed(deployed(policies(resources, role_of(resources, function)), OWN), asked)


def test_who_signs_an_upload_can_write_it_and_nothing_else() -> None:
    refused = [
        Call("s3:PutObject", COPY),
        Call("s3:PutObject", UPLOAD.replace(FILES, "others", 1)),
        Call("s3:GetObject", UPLOAD),
        Call("s3:GetObject", COPY),
        Call("s3:DeleteObject", UPLOAD),
        Call("s3:PutObjectTagging", UPLOAD),
        Call("s3:ListBucket", bucket_arn(FILES)),
    ]

    asked = [Call("s3:PutObject", UPLOAD), *refused]
    assert may("ConversationsFunction", *asked) == [True] + [False] * len(refused)


def test_who_looks_at_files_may_do_what_that_takes_and_write_no_upload() -> None:
    taken = [
        *(Call(f"s3:{action}Object", key) for action in ("Get", "Delete") for key in (UPLOAD, COPY)),
        Call("s3:PutObject", COPY),
        Call("s3:ListBucket", bucket_arn(FILES)),
        Call("dynamodb:GetItem", table_arn(OWN), CONVERSATION),
        Call("dynamodb:UpdateItem", table_arn(OWN), CONVERSATION),
        *(Call(f"sqs:{action}", QUEUE) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")),
    ]
    refused = [
        Call("s3:PutObject", UPLOAD),
        Call("s3:GetObject", COPY.replace(FILES, "others", 1)),
        Call("s3:PutBucketPolicy", bucket_arn(FILES)),
        Call("dynamodb:PutItem", table_arn(OWN), CONVERSATION),
        Call("dynamodb:DeleteItem", table_arn(OWN), CONVERSATION),
        Call("dynamodb:GetItem", table_arn(OWN), ("APIKEY#1",)),
        Call("dynamodb:GetItem", table_arn(OWN), ("VISITOR#w#test#v",)),
        Call("sqs:SendMessage", QUEUE),
    ]

    assert may("FilesFunction", *taken, *refused) == [True] * len(taken) + [False] * len(refused)


def test_who_tells_of_files_or_of_conversations_reaches_none() -> None:
    asked = [Call("s3:GetObject", COPY), Call("s3:PutObject", UPLOAD), Call("s3:DeleteObject", COPY)]

    for function in ("PublisherFunction", "ErasingFunction", "FeedFunction", "SocketsFunction"):
        assert may(function, *asked) == [False] * len(asked), function


def test_operators_read_what_is_served_and_no_more() -> None:
    taken = [Call("s3:GetObject", COPY), Call("dynamodb:GetItem", table_arn(OWN), CONVERSATION)]
    refused = [
        Call("s3:GetObject", UPLOAD),
        Call("s3:GetObject", COPY.replace(FILES, "others", 1)),
        Call("s3:PutObject", COPY),
        Call("s3:DeleteObject", COPY),
        Call("s3:ListBucket", bucket_arn(FILES)),
        Call("dynamodb:UpdateItem", table_arn(OWN), CONVERSATION),
    ]

    assert may("OperatorsFunction", *taken, *refused) == [True] * len(taken) + [False] * len(refused)
