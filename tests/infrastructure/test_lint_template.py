"""The lint of the template finds what cfn-lint alone lets pass, since it does not expand SAM."""

import pytest

from local.lint_template import faults

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/
      Handler: handler.handler
      Runtime: python3.13
      Environment:
        Variables:
          TABLE_NAME: !Ref Table
      Policies:
        - Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: dynamodb:GetItem
              Resource: !GetAtt Table.Arn
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: PK, AttributeType: S}]
      KeySchema: [{AttributeName: PK, KeyType: HASH}]
"""


def test_a_sound_template_has_no_faults() -> None:
    assert faults(TEMPLATE) == []


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        pytest.param("!Ref Table", "!Ref Tabel", "'Tabel'", id="reference to nothing"),
        pytest.param("Table.Arn", "Table.Arm", "'Arm'", id="unknown attribute"),
        pytest.param("dynamodb:GetItem", "dynamodb:GetItems", "'getitems'", id="misspelt IAM action"),
        pytest.param("KeyType: HASH", "KeyType: HSAH", "'HSAH'", id="unknown value"),
        pytest.param("Handler:", "Hander:", "property Hander", id="property that SAM refuses"),
    ],
)
def test_a_fault_is_found_and_named(right: str, wrong: str, named: str) -> None:
    assert right in TEMPLATE

    assert named in "\n".join(faults(TEMPLATE.replace(right, wrong)))
