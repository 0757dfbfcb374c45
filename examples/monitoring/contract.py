"""What browsers report, and the two queues that it goes through."""

from dataclasses import dataclass

import leveret


@dataclass
class Report:
    """An error on a page."""

    page: str
    message: str


reports = leveret.TaskQueue("reports", Report)  # as they come in
rows = leveret.TaskQueue("reports.rows", Report)  # worked off, to be written
