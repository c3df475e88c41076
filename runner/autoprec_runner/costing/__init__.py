"""Following a workload's step without computing it: shapes alone are run, on tensors that hold no numbers."""
