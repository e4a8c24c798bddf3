"""`python -m agentos_runtime` is `agentos`."""

from agentos_runtime.cli.main import main

if __name__ == "__main__":
    main()
