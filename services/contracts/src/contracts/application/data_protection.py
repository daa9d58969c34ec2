"""How sensitive the data are, and the annex of article 28 of the GDPR when personal data are processed."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool

from contracts.application.service_desk import Days
from contracts.application.values import Country, Name, Reason, Request

Classification = Literal["public", "internal", "confidential", "sensitive", "regulated"]


class SubProcessor(Request):
    """Somebody whom the agency lets process the data."""

    name: Name = Field(examples=["Hébergeur SAS"])
    country: Country = Field(examples=["FR"])
    purpose: Name = Field(examples=["Hosting"])


class ProcessingAnnex(Request):
    """What article 28(3) asks a contract with a processor to set out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "subject_matter": "Maintenance of the booking site",
                    "nature_and_purpose": "Reading and correcting records while errors are mended",
                    "data_categories": ["Names and addresses", "Bookings"],
                    "data_subjects": ["Guests", "Staff"],
                    "security_measures": ["Named accounts with two factors", "Encrypted backups"],
                    "sub_processors": [{"name": "Hébergeur SAS", "country": "FR", "purpose": "Hosting"}],
                    "further_sub_processors": "with_prior_approval",
                    "breach_notice_hours": 24,
                    "at_the_end": "deleted",
                    "kept_days": 30,
                }
            ]
        },
    )

    subject_matter: Reason
    nature_and_purpose: Reason
    data_categories: list[Name] = Field(min_length=1, max_length=50)
    data_subjects: list[Name] = Field(min_length=1, max_length=50)
    security_measures: list[Name] = Field(min_length=1, max_length=50)
    sub_processors: list[SubProcessor] = Field(default_factory=list, max_length=100)
    further_sub_processors: Literal["with_prior_approval", "after_notice", "never"]
    breach_notice_hours: Annotated[int, Field(strict=True, ge=1, le=72, json_schema_extra={"format": "int32"})] = Field(
        description="How soon the client is told of a breach; he has 72 hours himself."
    )
    at_the_end: Literal["deleted", "returned"]
    kept_days: Days = Field(description="Until when, after the end, the data are deleted or returned.")


class DataProtection(Request):
    """What data there are. With personal data the annex is required before the contract is proposed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"classification": "internal", "personal_data": False, "annex": None}],
        },
    )

    classification: Classification
    personal_data: StrictBool
    annex: ProcessingAnnex | None = None
