"""Which server is being emulated, and every difference that follows from it, by name; routes have a table in `ages`."""

from __future__ import annotations

import re
from dataclasses import dataclass


def numbers(text: str) -> tuple[int, ...]:
    """A version as comparable numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


@dataclass(frozen=True)
class ServerVersion:
    """A Dify release such as `1.14.2`; `1.14.3` stands for the main branch after it."""

    text: str

    @property
    def number(self) -> tuple[int, ...]:
        """The version as comparable numbers."""
        return numbers(self.text)

    @property
    def is_old(self) -> bool:
        """0.15, which writes nearly everything otherwise: see `older`."""
        return self.number < (1, 0, 0)

    @property
    def relays(self) -> bool:
        """Chatflow and workflow streams come through the relay: a ping at once, no 4xx for bad input."""
        return self.number >= (1, 13, 0)

    @property
    def message_end_first(self) -> bool:
        """A chatflow sends `message_end` before `workflow_finished`."""
        return self.number >= (1, 13, 1)

    @property
    def loses_message_end(self) -> bool:
        """Exactly 1.13.0 closed a chatflow at `workflow_finished`, with `message_end` undelivered."""
        return self.relays and not self.message_end_first

    @property
    def names_preflight_errors(self) -> bool:
        """A refused relay stream carries a bare `error` frame instead of nothing."""
        return self.number >= (1, 14, 3)

    @property
    def replaces_unknown_conversation(self) -> bool:
        """A chatflow with an unknown conversation silently starts a new one."""
        return self.number >= (1, 14, 3)

    @property
    def texts_as_files(self) -> bool:
        """With user files, chat and completion text arrives as `message_file` frames that hold `answer`."""
        return (1, 7, 2) <= self.number < (1, 13, 0)

    @property
    def lists_files(self) -> bool:
        """`message_end.files` of chat, completion and agents names the app's and the user's files."""
        return self.number >= (1, 13, 1)

    @property
    def has_agents(self) -> bool:
        """Apps of mode `agent` exist."""
        return self.number >= (1, 14, 3)

    @property
    def has_extra_contents(self) -> bool:
        """Messages in the history have `extra_contents`."""
        return self.number >= (1, 13, 0)

    @property
    def refers_to_uploads(self) -> bool:
        """Uploads have a `reference`."""
        return self.number >= (1, 14, 3)

    @property
    def retrieve_echoes_string(self) -> bool:
        """`retrieve` answers `query` as a plain string; before and after 1.14.0-1.14.2 it is an object."""
        return (1, 14, 0) <= self.number < (1, 14, 3)

    @property
    def outputs_as_text(self) -> bool:
        """Run detail holds `outputs` as a JSON string."""
        return self.number < (1, 13, 0)

    @property
    def unknown_run_is_404(self) -> bool:
        """Before 1.13.1 an unknown run is a 200 full of nulls."""
        return self.number >= (1, 13, 1)

    @property
    def deletes_any_conversation(self) -> bool:
        """From 1.0 to 1.12 a deletion checks nothing: other users' conversations go too, and unknown ones are a success."""
        return (1, 0, 0) <= self.number < (1, 13, 0)

    @property
    def checks_upload_owner(self) -> bool:
        """Another user's upload is refused; before, it was accepted."""
        return self.number >= (1, 14, 0)

    @property
    def checks_trace_session(self) -> bool:
        """A bad `trace_session_id` is refused; before, it was ignored."""
        return self.number >= (1, 14, 3)

    @property
    def crashes_without_name(self) -> bool:
        """Renaming to nothing is a crash instead of a 400."""
        return self.number < (1, 0, 0)

    @property
    def deletes_with_a_body(self) -> bool:
        """Deleting a conversation answers 200 with a body instead of 204."""
        return self.number < (1, 0, 0)

    @property
    def plain_not_found(self) -> bool:
        """No route suggestions after the text of a 404."""
        return self.number < (1, 0, 0)

    @property
    def types_form_inputs(self) -> bool:
        """Forms have select and file inputs, are echoed when filled, and stay in the message afterwards."""
        return self.number >= (1, 14, 3)

    @property
    def repeats_text_after_pause(self) -> bool:
        """A resumed chatflow says its text from before the pause again, and never what follows it."""
        return self.number >= (1, 14, 3)
