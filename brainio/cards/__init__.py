"""Facts computed from data: cards next to a catalog, profiles next to the cache.

A card is a small JSON document that describes an entry, so that nobody needs to download data to learn about them; see
docs/cards.md. A profile is an SQLite file from which pages show the rows, thumbnails and responses of an entry. One
pass over the values computes both, and equal data give equal results.

================= =================================================================
`computation`     an object or a file -> its card
`columns`         statistics of one column or coordinate
`arrays`          statistics of an assembly's values and coordinates
`charts`          the numbers behind the charts of an assembly
`stimulus_sets`   statistics of a stimulus set
`facts`           facts that people state: licence, citation, authors, species
`card_builder`    an entry -> its card, stored next to its catalog
`card_text`       text for people from the fields of a card
`profiles`        querying the profile of an entry; filters of stimuli by column
`profile_files`   location, SQL schema and opening of profile files
`profile_builder` an entry -> its profile, or the record of a failed attempt
`profile_writer`  writing a stimulus set to a profile
================= =================================================================

Opening a profile imports neither numpy, pandas nor xarray.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
