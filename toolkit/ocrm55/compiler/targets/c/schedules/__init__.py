"""How operators are computed: loops over TIR, by hand where the time goes and by TVM's schedules elsewhere."""
