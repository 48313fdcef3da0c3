"""The version of Zhiwen."""

VERSION = "0.4.0"
