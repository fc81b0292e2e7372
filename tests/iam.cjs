// Reads {account, policies, calls} from stdin, and writes for each call whether the policies allow it.
"use strict";

const { readFileSync } = require("node:fs");
const { runSimulation } = require("@cloud-copilot/iam-simulate");

const { account, policies, calls } = JSON.parse(readFileSync(0, "utf8"));

async function isAllowed({ action, resource, leadingKeys }) {
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/function`,
        action,
        resource: { resource, accountId: account },
        contextVariables: leadingKeys.length ? { "dynamodb:LeadingKeys": leadingKeys } : {},
      },
      identityPolicies: policies.map((policy, number) => ({ name: `policy-${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (answer.resultType !== "single") throw new Error(JSON.stringify(answer.errors));
  return answer.overallResult === "Allowed";
}

Promise.all(calls.map(isAllowed)).then((answers) => process.stdout.write(JSON.stringify(answers)));
