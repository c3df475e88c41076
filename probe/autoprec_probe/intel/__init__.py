"""Intel's accelerators: its GPUs (`xpu` in torch) and Gaudi (`hpu`)."""
