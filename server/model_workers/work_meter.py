"""Whether a process and those it started are at work. Does not know at what."""

import psutil

MIN_CPU_S = 0.2  # polling alone takes less between two looks


class WorkMeter:
    """Compares the processor time taken and the bytes read with those of the last look."""

    def __init__(self, pid: int | None = None) -> None:
        """Look at a process for the first time; None: this one."""
        self.process = psutil.Process(pid)
        self.seen = self._measure()

    def has_advanced(self) -> bool:
        """Return whether work was done since the last time that this was so."""
        cpu_s, read_bytes = self._measure()
        if abs(cpu_s - self.seen[0]) < MIN_CPU_S and read_bytes == self.seen[1]:
            return False
        self.seen = cpu_s, read_bytes
        return True

    def _measure(self) -> tuple[float, int]:
        cpu_s, read_bytes = 0.0, 0
        for process in (self.process, *descendants(self.process)):
            try:
                times = process.cpu_times()
                cpu_s += times.user + times.system
                read_bytes += process.io_counters().read_bytes  # from the disk, not from caches
            except (psutil.Error, AttributeError):  # it has ended; macOS counts no bytes
                continue
        return cpu_s, read_bytes


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return all that a process has started; none if it is gone."""
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found
