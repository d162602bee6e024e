"""`ocrm55 finetune`: a recognizer learns a hundred pictures of the user's, and forgets nothing.

`graph.py` runs any recognizer's ONNX file in PyTorch, so that every network that compiles can learn. It needs the
optional extra `train-torch`.
"""
