"""What runs without PyTorch: an exported ONNX file, beside onnxruntime, NumPy and Pillow alone."""
