"""The agent, where `adk web` looks for it."""

from . import agent as agent
