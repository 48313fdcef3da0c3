"""The version of Zhiwen."""

VERSION = "0.2.0"
