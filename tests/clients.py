"""What clients of servers on this machine share."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For `httpx.Client(verify=…)`: trusts nobody, and saves each client reading all certificates."""
