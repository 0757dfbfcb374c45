"""A bad release: so many reports at once. `python burst.py 6`."""

import asyncio
import sys

import leveret
from contract import Report, reports


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    burst = [Report(f"/item/{n}", "cart is undefined") for n in range(1, count + 1)]
    async with await leveret.connect_async() as client:
        pushed = await asyncio.gather(*(client.push(reports, report) for report in burst))
    print(f"{len(pushed)} reports pushed")


asyncio.run(main())
