"""A directory as Entra would hold it: generated from a seed, and changed by a seed.

The same arguments give the same directory on every machine, so that a run can be repeated and the
client's later runs know what an earlier one provisioned.
"""

import random
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

PRODUCT = "PLATFORM"
"""The licence whose holders the application is assigned to."""

_DOMAIN = "contoso.example"
_GIVEN = (
    "Anna", "Jörg", "Łukasz", "Zoë", "François", "Siân", "Đặng", "Søren", "Noémie", "Ñusta",
    "Mohammed", "李娜", "Дмитрий", "Σωκράτης", "אורי", "محمد", "さくら", "Ayşe", "Grace", "Björk",
)  # fmt: skip
_SURNAMES = (
    "O'Malley", "Müller", "van der Berg", "Nguyễn", "García-López", "Kowalski", "Smith", "Åkesson",
    "王", "Иванова", "Παπαδόπουλος", "الحسن", "鈴木", "Yılmaz", "Dvořák", "Jones", "Mac Giolla",
)  # fmt: skip
_DEPARTMENTS = (
    "Platform", "Sales & Marketing", "Forschung / Entwicklung", "Finance", "法務", "Legal \"EU\"",
)  # fmt: skip
_TITLES = ("Engineer", "Geschäftsführerin", "Analyst", "Head of Späti", "Architect", "SRE")
_CITIES = (
    ("Köln", "NRW", "50667", "DE"),
    ("São Paulo", "SP", "01310-100", "BR"),
    ("東京", "東京都", "100-0001", "JP"),
    ("Dublin", "Leinster", "D02 X285", "IE"),
    ("Kraków", "Małopolska", "31-042", "PL"),
)
_LANGUAGES = ("de-DE", "pt-BR", "ja-JP", "en-IE", "pl-PL")
_GROUP_NAMES = (
    "All staff", "Platform engineers", "Équipe Données", "Vertrieb (Süd)", "On-call", "安全部門",
    "Cluster \"prod\" admins", "Read-only", "R&D",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class User:
    """A user of the directory; attributes by the names that Entra has for them."""

    object_id: str
    attributes: Mapping[str, str]
    manager: str | None = None
    enabled: bool = True
    soft_deleted: bool = False
    licences: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The user principal name."""
        return self.attributes["userPrincipalName"]

    def having(self, **attributes: str) -> "User":
        """Return the user with some attributes changed."""
        return replace(self, attributes={**self.attributes, **attributes})


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the directory; its members by object id."""

    object_id: str
    display_name: str
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The display name, which groups are matched by."""
        return self.display_name


@dataclass(frozen=True, slots=True)
class Directory:
    """Users and groups by object id; an object that is not here has been deleted for good."""

    users: Mapping[str, User] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    made: int = 0
    """How many users and groups were ever made, which keeps names unique."""

    @classmethod
    def generate(
        cls, seed: int = 1, *, users: int = 20, groups: int = 3, members: int = 8
    ) -> "Directory":
        """Generate a directory of the given size; the first group has ten times `members`."""
        rng = random.Random(f"directory {seed}")
        people: dict[str, User] = {}
        for number in range(users):
            user = _new_user(rng, number)
            ids = list(people)
            manager = ids[(number - 1) // 4] if number % 20 != 0 else None
            people[user.object_id] = replace(user, manager=manager, enabled=number % 17 != 13)
        teams: dict[str, Group] = {}
        for number in range(groups):
            size = members * 10 if number == 0 else rng.randint(0, members * 2)
            chosen = tuple(rng.sample(list(people), min(size, users)))
            group = Group(_object_id(rng), _group_name(number), chosen)
            teams[group.object_id] = group
        return cls(people, teams, users + groups)

    def change(self, seed: int = 1, *, share: float = 0.05) -> "Directory":
        """Return the next state: some of every kind of change, never two to one user."""
        return _Changes(self, random.Random(f"change {seed} {self.made}"), share).apply()


class _Changes:
    """One step of a directory; each kind of change takes users that no other kind has taken."""

    def __init__(self, directory: Directory, rng: random.Random, share: float) -> None:
        self._users = dict(directory.users)
        self._groups = dict(directory.groups)
        self._made = directory.made
        self._rng = rng
        self._share = share
        self._untouched = list(directory.users)
        rng.shuffle(self._untouched)

    def apply(self) -> Directory:
        self._alter(self._change_attributes, lambda user: not user.soft_deleted)
        self._alter(self._rename, lambda user: not user.soft_deleted)
        self._alter(lambda user: replace(user, enabled=False), lambda user: user.enabled)
        self._alter(
            lambda user: replace(user, enabled=True),
            lambda user: not user.enabled and not user.soft_deleted,
        )
        self._alter(lambda user: replace(user, soft_deleted=False), lambda user: user.soft_deleted)
        self._alter(self._toggle_licence, lambda user: not user.soft_deleted)
        self._alter(self._change_manager, lambda user: user.manager is not None)
        for key in self._take(lambda user: not user.soft_deleted):
            self._users[key] = replace(self._users[key], soft_deleted=True)
            self._unlink(self._users[key])
        freed = []
        for key in self._take(lambda user: True):
            user = self._users.pop(key)
            freed.append(user.name)
            self._unlink(user)
        for name in freed:
            # Another user gets a name as soon as it is free.
            self._add_user(userPrincipalName=name)
        for _ in range(self._portion(len(self._users))):
            self._add_user()
        self._change_groups()
        return Directory(self._users, self._groups, self._made)

    def _portion(self, count: int) -> int:
        return max(1, round(count * self._share))

    def _take(self, eligible: Callable[[User], bool]) -> list[str]:
        wanted = self._portion(len(self._users))
        found = (key for key in self._untouched if eligible(self._users[key]))
        taken = dict.fromkeys(islice(found, wanted))
        self._untouched = [key for key in self._untouched if key not in taken]
        return list(taken)

    def _alter(self, alter: Callable[[User], User], eligible: Callable[[User], bool]) -> None:
        for key in self._take(eligible):
            self._users[key] = alter(self._users[key])

    def _change_attributes(self, user: User) -> User:
        return user.having(
            department=self._rng.choice(_DEPARTMENTS),
            jobTitle=self._rng.choice(_TITLES),
            employeeId=f"{self._rng.randrange(10**6):06}",
            mobile=_phone(self._rng),
        )

    def _rename(self, user: User) -> User:
        surname = self._rng.choice(_SURNAMES)
        self._made += 1
        alias = _alias(user.attributes["givenName"], surname, self._made)
        return user.having(
            surname=surname,
            displayName=f"{user.attributes['givenName']} {surname}",
            userPrincipalName=f"{alias}@{_DOMAIN}",
            mail=f"{alias}@{_DOMAIN}",
        )

    def _toggle_licence(self, user: User) -> User:
        held = set(user.licences) ^ {PRODUCT}
        return replace(user, licences=tuple(sorted(held)))

    def _change_manager(self, user: User) -> User:
        above = self._users[user.manager] if user.manager else None
        return replace(user, manager=above.manager if above else None)

    def _add_user(self, **attributes: str) -> None:
        user = _new_user(self._rng, self._made)
        self._made += 1
        manager = self._rng.choice(
            [None, *(key for key, other in self._users.items() if not other.soft_deleted)]
        )
        self._users[user.object_id] = replace(user.having(**attributes), manager=manager)

    def _unlink(self, gone: User) -> None:
        """Remove a deleted user from groups and as a manager, as Entra does."""
        for user in self._users.values():
            if user.manager == gone.object_id:
                self._users[user.object_id] = replace(user, manager=gone.manager)
        for group in self._groups.values():
            if gone.object_id in group.members:
                members = tuple(key for key in group.members if key != gone.object_id)
                self._groups[group.object_id] = replace(group, members=members)

    def _change_groups(self) -> None:
        names = list(self._groups)
        self._rng.shuffle(names)
        portion = min(self._portion(len(names)), len(names) // 3)
        for key in names[:portion]:
            del self._groups[key]
        for key in names[portion : 2 * portion]:
            group = self._groups[key]
            self._made += 1
            self._groups[key] = replace(group, display_name=_group_name(self._made))
        present = [key for key, user in self._users.items() if not user.soft_deleted]
        for key in names[portion:]:
            self._groups[key] = self._change_members(self._groups[key], present)
        if names:
            self._made += 1
            members = tuple(self._rng.sample(present, min(3, len(present))))
            group = Group(_object_id(self._rng), _group_name(self._made), members)
            self._groups[group.object_id] = group

    def _change_members(self, group: Group, present: list[str]) -> Group:
        kept = list(group.members)
        for key in self._rng.sample(kept, min(len(kept), self._portion(len(kept)))):
            kept.remove(key)
        others = sorted(set(present) - set(group.members))
        added = self._rng.sample(others, min(len(others), self._portion(len(kept))))
        return replace(group, members=(*kept, *added))


def _new_user(rng: random.Random, number: int) -> User:
    given, surname = rng.choice(_GIVEN), rng.choice(_SURNAMES)
    city, state, postal_code, country = rng.choice(_CITIES)
    alias = _alias(given, surname, number)
    attributes = {
        "userPrincipalName": f"{alias}@{_DOMAIN}",
        "displayName": f"{given} {surname}",
        "givenName": given,
        "surname": surname,
        "mailNickname": alias,
        "mail": f"{alias}@{_DOMAIN}",
        "jobTitle": rng.choice(_TITLES),
        "department": rng.choice(_DEPARTMENTS),
        "employeeId": f"{rng.randrange(10**6):06}",
        "streetAddress": f"{rng.randint(1, 99)} Rue de l'Été",
        "city": city,
        "state": state,
        "postalCode": postal_code,
        "country": country,
        "preferredLanguage": rng.choice(_LANGUAGES),
        "telephoneNumber": _phone(rng),
    }
    if rng.random() < 0.8:
        attributes["mobile"] = _phone(rng)
    if rng.random() < 0.2:
        attributes["facsimileTelephoneNumber"] = _phone(rng)
    if rng.random() < 0.5:
        attributes["proxyAddresses"] = f"smtp:{alias}@mail.{_DOMAIN}"
    if rng.random() < 0.5:
        attributes["physicalDeliveryOfficeName"] = f"{city}/{rng.randint(1, 9)}. OG"
    licences = ("E5", PRODUCT) if rng.random() < 0.7 else ("E3",)
    return User(_object_id(rng), attributes, licences=licences)


def _object_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _phone(rng: random.Random) -> str:
    # Written as people write them: a server must store them as they are.
    digits = f"{rng.randrange(10**8):08}"
    return rng.choice(("+49 (0)221 ", "001-", "+81 3 ", "0221/")) + digits


def _alias(given: str, surname: str, number: int) -> str:
    # User principal names are ASCII, and Entra keeps the case that they were typed in.
    plain = unicodedata.normalize("NFKD", f"{given}.{surname}")
    letters = "".join(c for c in plain if c.isascii() and (c.isalnum() or c in ".'-"))
    return f"{letters.strip('.') or 'User'}.{number}"


def _group_name(number: int) -> str:
    return f"{_GROUP_NAMES[number % len(_GROUP_NAMES)]} {number}"
