"""Load the demo by its identifier, print it, and draw it: `python docs/first_look.py [picture]`."""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

import brainio

assembly = brainio.get_assembly("modelfest.Carney1999")
stimulus_set = assembly.attrs["stimulus_set"]
print(assembly)
print(stimulus_set)

observers = assembly.multi_groupby(["stimulus_id", "subject"]).mean(dim="presentation")
sensitivity = observers.multi_groupby(["stimulus_id"]).mean(dim="presentation")
order = np.argsort(-sensitivity.values)

figure, axes = plt.subplots(figsize=(13, 5))
figure.subplots_adjust(left=0.06, right=0.99, top=0.93, bottom=0.24)
for position, stimulus_id in enumerate(sensitivity["stimulus_id"].values[order]):
    values = observers.sel(stimulus_id=stimulus_id).values
    axes.plot(np.full(values.size, position), values, ".", color="0.7", markersize=4)
    axes.plot(position, values.mean(), "o", color="C0", markersize=5)
    # Two rows, so that each square has the width of two positions.
    thumbnail = axes.inset_axes(((position + 0.05) / 44, -0.15 - 0.14 * (position % 2), 1.9 / 44, 0.13))
    thumbnail.imshow(plt.imread(stimulus_set.get_stimulus(stimulus_id)), cmap="gray", vmin=0, vmax=1)
    thumbnail.axis("off")
axes.set(xlim=(-1, 43), xticks=[], ylabel=f"{assembly.attrs['long_name']}, {assembly.attrs['units']}")
axes.grid(axis="y", alpha=0.3)
axes.set_title("ModelFest (Carney et al. 1999): 43 patterns, 16 observers (grey), their mean (blue)")
picture = Path(sys.argv[1] if len(sys.argv) > 1 else "brainio_demo.png")
figure.savefig(picture, dpi=100)
print(f"Wrote {picture.absolute()}")
