# /// script
# requires-python = ">=3.10"
# dependencies = ["tabulate>=0.9"]
# ///
import tabulate

print(tabulate.__version__)
