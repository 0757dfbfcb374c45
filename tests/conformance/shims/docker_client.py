"""For aio-pika's suite, in place of its module: the container is the broker that runs already."""

from dataclasses import dataclass


class DockerNotAvailableError(Exception):
    """What the suite's own module raises; never here."""


@dataclass
class DockerHostInfo:
    container_host: str = "127.0.0.1"


@dataclass
class ContainerInfo:
    id: str
    ports: dict[str, int]
    host: str


def check_docker_available() -> DockerHostInfo:
    return DockerHostInfo()


class DockerClient:
    def __init__(self, docker_host_info: DockerHostInfo | None = None) -> None:
        self.host = (docker_host_info or DockerHostInfo()).container_host

    def run(
        self, image: str, ports: list[str], environment: dict[str, str] | None = None
    ) -> ContainerInfo:
        return ContainerInfo("broker", {port: int(port.split("/")[0]) for port in ports}, self.host)

    def kill(self, container_id: str) -> None:
        """The broker is not the suite's to end."""

    remove = kill
