"""A whole picture on the host: what firmware/tasks/page computes, step by step, in the same whole numbers.

rows: the frame as a detector's input. boxes: from its map to boxes, of components and rectangles, in reading order.
crop and windows: the pictures that a recognizer reads. lines: their texts.
"""
