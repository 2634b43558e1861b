"""
What end-to-end tests begin with and measure by.
"""
