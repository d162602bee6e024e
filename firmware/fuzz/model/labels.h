static const char *const ocrm55_labels[5] = {"", "a", ",", "\xc3\xa9", " "};
