"""jq expressions as Python functions of this process: a total subset of jq, and only ever its successes."""
