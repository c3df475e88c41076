"""What is known to go wrong with precision, and where it is found: before any trial, or in the trials themselves.

A rule is a page (`Rule`) with one or two small functions: one over a `StaticCase` (hardware, candidates, and a
description of the workload that its child process has given), one over a `TrialCase` (the trials of a study). All of it
is free of torch, except `gather`, which runs in the child.
"""
