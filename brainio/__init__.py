"""Load stimuli and neural recordings by identifier: fetched, verified, joined with their metadata, ready to analyse.

Names load when they are first used, so that `import brainio` takes milliseconds. `__init__.pyi` lists them.

Examples
--------
>>> import brainio
>>> assembly = brainio.get_assembly('modelfest.Carney1999')
>>> assembly.attrs['stimulus_set'].identifier
'modelfest.Carney1999'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
