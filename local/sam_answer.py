"""`make invoke` ends here: shows the answer that `sam local invoke` wrote, and fails where sam does not.

sam's exit code is 0 when the function crashed, timed out or could not be imported.
"""

import json
import sys


def show(output: str) -> bool:
    """Print the answer in what sam wrote to its standard output; False if there is none, or an error of the server."""
    try:
        response = json.loads(output)
    except ValueError:
        response = None
    if not isinstance(response, dict) or "errorMessage" in response:
        print(f"The function gave no answer: {output.strip() or 'nothing at all'}", file=sys.stderr)
        return False
    if "statusCode" not in response:
        print(json.dumps(response, indent=2))
        return "error" not in response
    status = int(response["statusCode"])
    print(f"HTTP {status}")
    for name, value in response.get("headers", {}).items():
        print(f"{name.lower()}: {value}")
    print(f"\n{_indented(response.get('body', ''))}")
    return status < 500


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


if __name__ == "__main__":
    sys.exit(0 if show(sys.stdin.read()) else 1)
