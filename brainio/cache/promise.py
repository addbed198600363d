"""What is known of bytes before they come, and whether they came as promised."""

from dataclasses import dataclass

from brainio.cache.files import checked_digest


@dataclass(frozen=True, slots=True)
class Promise:
    """A name, and as much of digests and size as somebody promised."""

    name: str
    sha1: str | None
    sha256: str | None
    size: int | None

    @classmethod
    def of(cls, name: str, sha1: str | None, sha256: str | None, size: int | None) -> "Promise":
        """Make one; a digest that is none is an IntegrityError."""
        return cls(name, sha1 and checked_digest(sha1), sha256 and checked_digest(sha256, "sha256"), size)

    @property
    def digests(self) -> dict[str, str]:
        """The promised digests by their kind."""
        return {kind: digest for kind, digest in (("sha1", self.sha1), ("sha256", self.sha256)) if digest}

    @property
    def key(self) -> str:
        """What others who want the same bytes call them; empty where no digest is promised."""
        return next((f"{kind}-{digest}" for kind, digest in self.digests.items()), "")

    def faults(self, found: dict[str, str], count: int) -> list[str]:
        """Say what is not as promised; a wrong size says enough."""
        if self.size is not None and self.size != count:
            return [f"{self.size} bytes, found {'more' if count > self.size else count}"]
        return [f"{kind} {want}, found {found[kind]}" for kind, want in self.digests.items() if want != found[kind]]
