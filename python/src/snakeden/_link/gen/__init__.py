"""Generated from proto/ by `deno task gen`; do not edit."""
