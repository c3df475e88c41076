"""AMD's devices: from the driver's topology in sysfs, or from what its tools print."""
