from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from allauth.account import signals as account
        from allauth.mfa import signals as second_factor

        from accounts import permissions  # noqa: F401  fills the policy table
        from accounts.services.sign_ins import on_credential_change

        # How django-allauth tells that a credential changed: its pages are not ours to call from.
        for event in (
            account.password_changed,
            account.password_reset,
            account.password_set,
            account.email_changed,
            second_factor.authenticator_added,
            second_factor.authenticator_removed,
            second_factor.authenticator_reset,
        ):
            event.connect(on_credential_change, dispatch_uid="accounts.credential_change")
