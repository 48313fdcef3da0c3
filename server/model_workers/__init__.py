"""The serving side: FastChat controller, model workers and their OpenAI-style endpoint."""
