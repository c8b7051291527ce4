print("A .gitignore beside me names me, and .amlignore wins over it.")
