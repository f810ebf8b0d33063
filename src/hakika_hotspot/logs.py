"""Logging of the command: plain lines on standard error."""

import sys

import structlog


def configure_logs() -> None:
    """Set up logging. Unset, a failure would be printed with every variable around it: routers' passwords, too."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
