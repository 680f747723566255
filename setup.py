"""Packaging. fast-reid itself is not listed: 1.4.0 pins torch==1.13.1, so `pip install --no-deps fastreid==1.4.0` goes beside."""

from setuptools import find_packages, setup

FASTREID_NEEDS = [  # what fast-reid imports at run time
    "faiss-cpu",
    "numpy",
    "pillow>=10.1",  # from here on its own font comes in any size
    "pyyaml",
    "scikit-learn",
    "scipy",
    "tabulate",
    "tensorboard",
    "termcolor",
    "yacs",
]

# Extras, not requirements: grad-cam brings opencv-python-headless, which overwrites an opencv-python that is there, and
# onnxruntime an onnxruntime-gpu.
EXTRAS = {
    "analysis": ["grad-cam"],  # tools/visualize.py
    "deploy": ["onnx", "onnxruntime", "onnxscript"],  # tools/export_model.py
}

setup(
    name="dcac_fastreid",
    version="0.1.0",
    description="DCAC, generalizable person re-identification with diffusion feedback, as a plugin for fast-reid",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["dcac_fastreid", "dcac_fastreid.*"]),
    package_data={
        "dcac_fastreid": [
            "experiments/first_defaults.json",
            "experiments/later_defaults.json",
            "reid/clip_architectures/*.json",
            "diffusion/sd15/*/*.json",
            "synthetic/weights/*",
            "synthetic/weights/*/*/*",
        ]
    },
    install_requires=[
        "torch>=2.6",
        "torchvision",
        "diffusers",
        "filelock>=4.1",  # from there on a forked process does not keep the lock of its parent
        "matplotlib",
        "open_clip_torch",
        "peft",
        "safetensors",
        "tqdm",
        *FASTREID_NEEDS,
    ],
    extras_require={
        **EXTRAS,
        "test": ["pytest", "pytest-timeout", "pytest-xdist", "ruff", *EXTRAS["analysis"], *EXTRAS["deploy"]],
    },
    entry_points={"console_scripts": ["dcac-fastreid = dcac_fastreid.commands.main:main"]},
)
