"""The version of Zhiwen."""

VERSION = "0.3.0"
