"""Running a stranger's model in a process that may die in any way without harming ours."""
