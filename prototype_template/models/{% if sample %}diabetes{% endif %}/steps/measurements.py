"""The columns of the diabetes data: what the model sees, and what it predicts.

A helper module: every step may import it, because all of steps/ travels with each of them.
"""

FEATURES = [
    "age",  # years
    "sex",  # 1 or 2; the source does not say which is which
    "bmi",  # body mass index, kg/m²
    "blood_pressure",  # average, mmHg
    "total_cholesterol",  # mg/dl
    "ldl",  # low-density lipoproteins, mg/dl
    "hdl",  # high-density lipoproteins, mg/dl
    "cholesterol_ratio",  # total cholesterol / hdl
    "log_triglycerides",  # possibly the natural logarithm of mg/dl
    "glucose",  # blood sugar, mg/dl
]
TARGET = "progression"  # a score of the disease's progression after one year, 25 to 346
