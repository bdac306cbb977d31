"""All settings. Everything that differs between machines comes from the environment.

A missing or malformed value stops the start with a sentence; .env.example lists them all.
"""

from pathlib import Path
from urllib.parse import urlsplit

from environs import Env

from config import csp, logging, mail, schedule

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
HTTPS = env.bool("HTTPS", False)  # served over TLS: secure cookies, HSTS
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)
CODE_VERSION = env.str("CODE_VERSION", "0.1.0")

INSTALLED_APPS = [
    "accounts.apps.AccountsConfig",
    "pipeline.apps.PipelineConfig",
    "metrics.apps.MetricsConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_structlog",
    "template_partials",
]

MIDDLEWARE = [
    "config.request_log.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.SignInAgeMiddleware",
    "accounts.middleware.ReaderLanguageMiddleware",
    "accounts.middleware.HtmxLoginRedirectMiddleware",
    "accounts.middleware.CompanyMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.workspace",
            ],
            "builtins": ["template_partials.templatetags.partials"],
        },
    }
]

# The database -----------------------------------------------------------------------------
# "default" is the runtime role, which row security binds. "owner" exists only where
# DATABASE_OWNER_URL is set: migrations, tests and operator commands; never web or worker.


def _database(url_variable: str, **options: object) -> dict[str, object]:
    parsed = dict(env.dj_db_url(url_variable))
    parsed.update(
        ENGINE="accounts.tenancy.postgresql",
        CONN_MAX_AGE=0,
        DISABLE_SERVER_SIDE_CURSORS=True,
        **options,
    )
    return parsed


# Statement and lock limits of the runtime role are set on the role (config/launch/engines.py).
_POOL = env.int("DATABASE_POOL", 0)
DATABASES = {"default": _database("DATABASE_URL")}
if _POOL:
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),  # type: ignore[dict-item]
        "pool": {"min_size": 1, "max_size": _POOL},
    }
if env.str("DATABASE_OWNER_URL", ""):
    DATABASES["owner"] = _database("DATABASE_OWNER_URL")
DATABASE_ROUTERS = ["accounts.tenancy.router.OwnerMigratesRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
# The cache has a Redis database of its own: clearing it must not clear the broker's messages.
CACHE_URL = env.str("CACHE_URL", "") or urlsplit(REDIS_URL)._replace(path="/1").geturl()
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "leverpoint",
        # A page does not wait longer than that for a Redis that does not answer.
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}

# Work in the background ----------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_TASK_TIME_LIMIT = 120
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 10,
    "socket_keepalive": True,
}
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = schedule.BEAT_SCHEDULE

# Who -----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", "optional")
ACCOUNT_ADAPTER = "accounts.adapter.ClosedSignupAdapter"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True  # one address; the old one holds until the new one is confirmed
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before a credential is changed
ACCOUNT_EMAIL_NOTIFICATIONS = True  # each change of a credential is told by e-mail
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Counted in the shared cache, so that they hold over all processes. "key" is the account tried.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "reauthenticate": "10/m/user",
    "confirm_email": "1/3m/key",
    "mail_refused": "30/m/ip",  # posts to the mail webhook without its secret
    "mail_received": "300/m/key",  # messages of one company
    "tracked_link": "60/m/ip",  # links that buyers follow, and guesses at them
}
# Without a proxy of ours, X-Forwarded-For is anybody's to write and is not read.
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = {"webauthn_login": "10/m/ip"}
MFA_TOTP_ISSUER = "Leverpoint"
# A used code is remembered for one step: with tolerance it could be used twice.
MFA_TOTP_TOLERANCE = 0
# Nobody signs up here, so nobody can block a stranger's address; without this, who has a second
# factor could never change their address.
MFA_ALLOW_UNVERIFIED_EMAIL = True
SIGN_IN_AGE = 12 * 60 * 60  # seconds; then everybody signs in again, however busy they were
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
SESSION_COOKIE_AGE = SIGN_IN_AGE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "leverpoint_session"
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "accounts.views.errors.csrf_failure"
EMAIL_BACKEND = env.str("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds; a letter is sent inside a page's transaction
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Leverpoint <no-reply@localhost>")

# Mail that comes in ---------------------------------------------------------------------------
MAIL_DOMAIN = env.str("MAIL_DOMAIN", "")
MAIL_PROVIDER = env.str("MAIL_PROVIDER", "")
ANYMAIL = mail.anymail(
    provider=MAIL_PROVIDER,
    secret=env.str("MAIL_WEBHOOK_SECRET", ""),
    signing_key=env.str("MAIL_SIGNING_KEY", ""),
)

# What browsers are told -----------------------------------------------------------------------
SECURE_CSP = csp.POLICY
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

# Language, time, files --------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": env.str(
            "STATICFILES_BACKEND",
            "whitenoise.storage.CompressedManifestStaticFilesStorage",
        )
    },
}

# A task carries the id of the request that sent it.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
PUBLIC_URL = env.str("PUBLIC_URL", "")  # where people reach the product: links in letters
METRICS_TOKEN = env.str("METRICS_TOKEN", "")  # without it there is no /metrics
LOGGING = logging.configuration(
    level=env.log_level("LOG_LEVEL", "INFO"),  # type: ignore[call-overload]
    json=env.bool("LOG_JSON", False),
)
