from .locking import locked as locked
from .locking import plan_locked as plan_locked
from .recording import lock as lock
