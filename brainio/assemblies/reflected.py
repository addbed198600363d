"""Arithmetic with an assembly on the right of a plain array.

Python asks the right operand first only if its class defines the reflected method itself.
"""

from __future__ import annotations

from typing import Any, Self

from brainio.assemblies.dimension_names import LevelDimensions


class ReflectedArithmetic(LevelDimensions):
    """`plain + assembly` and the like give an assembly, as `assembly + plain` does."""

    __slots__ = ()

    def __radd__(self, other: Any) -> Self:
        return super().__radd__(other)

    def __rsub__(self, other: Any) -> Self:
        return super().__rsub__(other)

    def __rmul__(self, other: Any) -> Self:
        return super().__rmul__(other)

    def __rtruediv__(self, other: Any) -> Self:
        return super().__rtruediv__(other)

    def __rfloordiv__(self, other: Any) -> Self:
        return super().__rfloordiv__(other)

    def __rmod__(self, other: Any) -> Self:
        return super().__rmod__(other)

    def __rpow__(self, other: Any) -> Self:
        return super().__rpow__(other)

    def __rand__(self, other: Any) -> Self:
        return super().__rand__(other)

    def __ror__(self, other: Any) -> Self:
        return super().__ror__(other)

    def __rxor__(self, other: Any) -> Self:
        return super().__rxor__(other)
