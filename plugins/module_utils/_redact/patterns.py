# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later AND Apache-2.0
"""Patterns of secrets (data only).

DETECT_SECRETS are the unmodified patterns of the detectors of detect-secrets 1.5.0
(https://github.com/Yelp/detect-secrets, Copyright Yelp, Inc., Apache License 2.0,
https://www.apache.org/licenses/LICENSE-2.0), without those that the entropy and assignment rules of
_redact cover anyway. A test compares them with the installed package. They are copied here because
a managed host has only Python's standard library. OTHERS are kinds without a detector there.
"""

from __future__ import annotations

# (kind, pattern, whether the pattern is case-sensitive)
DETECT_SECRETS = (
    ("artifactory", r'(?:\s|=|:|"|^)AKC[a-zA-Z0-9]{10,}(?:\s|"|$)', True),
    ("aws", r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}", True),
    ("azure_storage_key", r"AccountKey=[a-zA-Z0-9+\/=]{88}", True),
    ("discord", r"[MNO][a-zA-Z\d_-]{23,25}\.[a-zA-Z\d_-]{6}\.[a-zA-Z\d_-]{27}", True),
    ("github_token", r"(ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9_]{36}", True),
    ("gitlab_token", r"(glpat|gldt|glft|glsoat|glrt)-[A-Za-z0-9_\-]{20,50}(?!\w)", True),
    ("gitlab_token", r"GR1348941[A-Za-z0-9_\-]{20,50}(?!\w)", True),
    ("gitlab_token", r"glcbt-([0-9a-fA-F]{2}_)?[A-Za-z0-9_\-]{20,50}(?!\w)", True),
    ("gitlab_token", r"glimt-[A-Za-z0-9_\-]{25}(?!\w)", True),
    ("gitlab_token", r"glptt-[A-Za-z0-9_\-]{40}(?!\w)", True),
    ("gitlab_token", r"glagent-[A-Za-z0-9_\-]{50,1024}(?!\w)", True),
    ("gitlab_token", r"gloas-[A-Za-z0-9_\-]{64}(?!\w)", True),
    ("mailchimp", r"[0-9a-z]{32}-us[0-9]{1,2}", True),
    ("npm", r"\/\/.+\/:_authToken=\s*((npm_.+)|([A-Fa-f0-9-]{36})).*", True),
    ("openai", r"sk-[A-Za-z0-9-_]*[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}", True),
    ("pypi_token", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9-_]{70,}", True),
    ("pypi_token", r"pypi-AgENdGVzdC5weXBpLm9yZw[A-Za-z0-9-_]{70,}", True),
    ("sendgrid", r"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}", True),
    ("slack", r"xox(?:a|b|p|o|s|r)-(?:\d+-)+[a-z0-9]+", False),
    ("square_oauth", r"sq0csp-[0-9A-Za-z\\\-_]{43}", True),
    ("stripe", r"(?:r|s)k_live_[0-9a-zA-Z]{24}", True),
    ("telegram_token", r"\d{8,10}:[0-9A-Za-z_-]{35}", True),
    ("twilio", r"AC[a-z0-9]{32}", True),
    ("twilio", r"SK[a-z0-9]{32}", True),
)

# Without an exact length: a token that was truncated in a log line is still part of a secret.
OTHERS = (
    ("anthropic", r"\bsk-ant-[A-Za-z0-9_-]{6,}", True),
    ("openai", r"\bsk-[A-Za-z0-9_-]{12,}", True),
    ("slack", r"\bxox[a-z]-[A-Za-z0-9-]{6,}|\bxapp-\d-[A-Za-z0-9-]{6,}", False),
    ("slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/\S+", False),
    ("github_token", r"\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{6,}", True),
    ("gitlab_token", r"\bgl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-[A-Za-z0-9_-]{6,}", True),
    ("aws", r"\b(?:AKIA|ASIA)[0-9A-Z]{6,}", True),
    (
        "google",
        (
            r"\bAIza[0-9A-Za-z_-]{10,}|\bya29\.[0-9A-Za-z_-]{10,}|\bGOCSPX-[0-9A-Za-z_-]{10,}|"
            r"\b1//0[0-9A-Za-z_-]{20,}"
        ),
        True,
    ),
    ("jwt", r"\beyJ[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_=+/-]*){0,4}", True),
    ("webhook", r"\bhooks?\.[\w.-]+/\S+|https?://[^\s\"'<>]{0,200}?/(?:web)?hooks?/\S+", False),
    ("ntfy", r"\bntfy[\w.-]*/[\w-]+", False),
    ("discord", r"discord(?:app)?\.com/api/webhooks/\S+", False),
    ("telegram_token", r"(?:\bbot)?\b\d{6,12}:[0-9A-Za-z_-]{20,}", True),
    ("stripe", r"\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{6,}|\bwhsec_[0-9A-Za-z+/=]{6,}", True),
    ("sendgrid", r"\bSG\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?", True),
    ("huggingface", r"\bhf_[A-Za-z0-9]{10,}", True),
    ("npm", r"\bnpm_[A-Za-z0-9]{10,}", True),
    ("pypi_token", r"\bpypi-[A-Za-z0-9_-]{16,}", True),
    # Providers of models and tools that Hermes supports.
    (
        "provider_key",
        (
            r"\b(?:gsk_|xai-|pplx-|r8_|tvly-|exa_|fal_|fw_|fc-|nvapi-|hsk-|ntn_|syt_|dop_v1_|"
            r"retaindb_|mem0_|brv_|sk_)[A-Za-z0-9_-]{10,}"
        ),
        True,
    ),
)
